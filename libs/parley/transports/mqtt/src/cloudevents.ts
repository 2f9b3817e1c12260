import {
  fromStructured,
  type Headers,
  joinedByName,
  type ReceivedBroadcast,
  toStructured,
} from '@parley/messaging/transport';
import type { IClientPublishOptions, IPublishPacket } from 'mqtt';

/*
 * CloudEvents over MQTT 5. Binary mode: attributes are user properties under their plain names, the
 * content type is `datacontenttype`, the payload is the data. Structured mode: one JSON document.
 */
const STRUCTURED = 'application/cloudevents+json';

/**
 * Characters that brokers may refuse in text by the MQTT specification. Some brokers do: they close
 * the connection.
 */
const UNFIT = /[\u0000-\u001f\u007f-\u009f\p{Noncharacter_Code_Point}]/u;
/**
 * Bytes of the longest text; its length is two bytes. A longer one would leave half a message on
 * the connection.
 */
export const LONGEST = 65_535;

export interface Sent {
  readonly payload: Buffer;
  readonly properties: NonNullable<IClientPublishOptions['properties']>;
}

/** The MQTT message. Structured mode is used when the attributes do not fit into properties. */
export function write(headers: Headers, body: Buffer, mode: 'binary' | 'structured'): Sent {
  if (
    mode === 'structured' ||
    Object.values(headers).some((value) => UNFIT.test(value) || Buffer.byteLength(value) > LONGEST)
  )
    return {
      payload: Buffer.from(toStructured(headers, body)),
      properties: { contentType: STRUCTURED },
    };
  const { datacontenttype, ...attributes } = headers;
  return {
    payload: body,
    properties: {
      ...(datacontenttype !== undefined && { contentType: datacontenttype }),
      userProperties: attributes,
    },
  };
}

/** A client of MQTT 3.1.1 has no properties: its message is a document, or is unknown to us. */
export function read(
  payload: Buffer,
  properties: IPublishPacket['properties'] = {},
): ReceivedBroadcast {
  const { contentType, userProperties } = properties;
  if (contentType?.toLowerCase().startsWith(STRUCTURED) || !userProperties)
    return fromStructured(payload);
  const attributes = Object.entries(userProperties).flatMap(([name, values]) =>
    [values].flat().map((value) => [name, value] as const),
  );
  return {
    headers: {
      ...(contentType && { datacontenttype: contentType }),
      ...joinedByName(attributes),
    } as Headers,
    body: payload,
  };
}
