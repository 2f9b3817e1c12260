import type { OrderRejected, OrderShipped } from '@contracts/orders';

/** A mail about an order, as it is handed to a mail server. */
export interface Mail {
  readonly orderId: string;
  /** The same for every attempt, so that a recipient can recognize a duplicate. */
  readonly messageId: string;
  readonly to: { readonly name: string; readonly address: string };
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

interface Letter {
  readonly orderId: string;
  readonly customer: OrderShipped['customer'];
  readonly subject: string;
  readonly paragraphs: readonly string[];
}

export function mailOfShipment({ orderId, customer, total, trackingNumber }: OrderShipped): Mail {
  const { line1, postcode, city, country } = customer.address;
  return write({
    orderId,
    customer,
    subject: `Your order ${short(orderId)} is on its way`,
    paragraphs: [
      'good news: your parcel has left our house.',
      `It goes to ${line1}, ${postcode} ${city} (${country}). Its tracking number is ${trackingNumber}.`,
      `We charged ${euro(total)} to your card.`,
    ],
  });
}

export function mailOfRejection({ orderId, customer, total, reason }: OrderRejected): Mail {
  return write({
    orderId,
    customer,
    subject: `We could not fulfil your order ${short(orderId)}`,
    paragraphs: [
      `we are sorry: we could not fulfil your order over ${euro(total)}, because ${reason}.`,
      'Nothing is charged to your card; if something had been, we have given it back.',
    ],
  });
}

function write({ orderId, customer, subject, paragraphs }: Letter): Mail {
  const all = [
    `Dear ${customer.name},`,
    ...paragraphs,
    `Your order's full number is ${orderId}.`,
    'Parley Shop',
  ];
  return {
    orderId,
    messageId: `<${orderId}@parley.example>`,
    to: { name: customer.name, address: customer.email },
    subject,
    text: `${all.join('\n\n')}\n`,
    html: page(subject, all),
  };
}

function page(title: string, paragraphs: readonly string[]): string {
  const body = paragraphs.map((paragraph) => `<p>${escaped(paragraph)}</p>`).join('\n');
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title></head>\n<body style="font-family: sans-serif; max-width: 36em">\n${body}\n</body></html>\n`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);

const euro = (cents: number): string => `€ ${(cents / 100).toFixed(2)}`;

/** The start of a UUID of version 7 is the time: its end tells orders apart. */
const short = (orderId: string): string => orderId.slice(-8).toUpperCase();
