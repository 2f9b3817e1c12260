import { MemorySubjectKeys } from '@parley/memory';
import { type Messaging } from '@parley/messaging';
import { SubjectKeyCache, systemClock } from '@parley/messaging/transport';
import type { AdmittedRequest } from './operations-request';
import { SubjectRequests } from './subject-requests';

const posted = (body: object, operator = 'ann'): AdmittedRequest => ({
  method: 'POST',
  parts: [],
  query: {},
  headers: {},
  operator,
  body: async () => body,
});

function requests(keys?: MemorySubjectKeys) {
  const said: string[] = [];
  const messaging = { subjectKeys: keys && new SubjectKeyCache(keys, systemClock) } as Messaging;
  return {
    said,
    messaging,
    requests: new SubjectRequests(
      messaging,
      'a table of its own',
      (message) => void said.push(message),
    ),
  };
}

describe('a subject', () => {
  it('is known from the first thing said of it, and erased once, by whom and why', async () => {
    const keys = new MemorySubjectKeys(systemClock);
    const { requests: subjects, said, messaging } = requests(keys);
    expect(await subjects.show(['p-1'])).toEqual({
      status: 200,
      body: { subject: 'p-1', known: false, ownCopies: 'a table of its own' },
    });
    const { id } = await messaging.subjectKeys!.of('p-1');
    expect(await subjects.show(['p-1'])).toMatchObject({
      body: { known: true, since: expect.any(Date) as Date },
    });
    expect(await subjects.change(['p-1', 'erase'], posted({ reason: 'she asked' }))).toEqual({
      status: 200,
      body: { subject: 'p-1', outcome: 'erased', ownCopies: 'a table of its own' },
    });
    expect(said).toEqual(['ann erased the subject p-1']);
    expect(await messaging.subjectKeys!.of('p-1')).toEqual({ id }); // here at once, elsewhere within a minute
    expect(await subjects.change(['p-1', 'erase'], posted({}, 'bob'))).toMatchObject({
      body: { outcome: 'erased before' },
    });
    expect(await subjects.show(['p-1'])).toMatchObject({
      body: { erased: { who: 'ann', reason: 'she asked' } },
    });
    expect(said).toHaveLength(1);
  });

  it('that nothing was said of cannot be erased', async () => {
    expect(
      await requests(new MemorySubjectKeys(systemClock)).requests.change(
        ['p-2', 'erase'],
        posted({}),
      ),
    ).toMatchObject({ body: { outcome: 'unknown' } });
  });

  it.each<[string, (of: SubjectRequests) => Promise<{ status: number }>, number]>([
    ['another verb', (of) => of.change(['p-1', 'restore'], posted({})), 404],
    ['no subject', (of) => of.show([]), 404],
    ['what it does not know', (of) => of.change(['p-1', 'erase'], posted({ really: true })), 400],
  ])('is left alone by %s', async (_, ask, status) => {
    expect(await ask(requests(new MemorySubjectKeys(systemClock)).requests)).toMatchObject({
      status,
    });
  });

  it('is nothing to a service that reads no keys', async () => {
    expect(await requests().requests.show(['p-1'])).toMatchObject({ status: 404 });
  });
});
