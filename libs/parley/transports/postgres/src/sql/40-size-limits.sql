-- A message is no file: who reads a queue or the log holds hundreds of them in memory. Larger bodies wait as claims. What was there
-- before this script stays readable. `parked` and `dead` also keep what other technologies carried, which have limits of their own.
alter table parley.message
  add constraint body_of_at_most_1_mib check (octet_length(body) <= 1048576) not valid,
  add constraint headers_of_at_most_64_kib check (octet_length(headers) <= 65536) not valid;
alter table parley.later
  add constraint body_of_at_most_1_mib check (octet_length(body) <= 1048576) not valid,
  add constraint headers_of_at_most_64_kib check (octet_length(headers) <= 65536) not valid;
alter table parley.event
  add constraint body_of_at_most_1_mib check (octet_length(body) <= 1048576) not valid,
  add constraint headers_of_at_most_64_kib check (octet_length(headers) <= 65536) not valid;
alter table parley.broadcast add constraint content_of_at_most_1_mib check (octet_length(content) <= 1048576 + 65536 + 4) not valid;
