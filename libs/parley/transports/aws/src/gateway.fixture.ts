import type { Answer } from '@parley/conformance';

/** Answers each request as a gateway or AWS does, and closes the connection. */
const answering =
  (status: string, type: string, body: string): Answer =>
  (near) =>
    near.once('data', () =>
      near.end(
        `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
      ),
    );

const JSON_1_0 = 'application/x-amz-json-1.0';
const fault = (type: string, message: string) => JSON.stringify({ __type: type, message });

/** What a service of AWS answers while it cannot serve. */
export const NOT_YET = {
  'a gateway’s 503': {
    answer: answering('503 Service Unavailable', 'text/html', '<h1>503</h1>'),
    told: /HTTP 503/,
  },
  ServiceUnavailable: {
    answer: answering('503 Service Unavailable', JSON_1_0, fault('ServiceUnavailable', 'later')),
    told: /HTTP 503: later/,
  },
  'an internal failure': {
    answer: answering('500 Internal Server Error', JSON_1_0, fault('InternalFailure', 'oh')),
    told: /HTTP 500: oh/,
  },
  'that it is throttled': {
    answer: answering('400 Bad Request', JSON_1_0, fault('ThrottlingException', 'Rate exceeded')),
    told: /HTTP 400: Rate exceeded/,
  },
};

export const REFUSAL = {
  answer: answering(
    '403 Forbidden',
    JSON_1_0,
    fault('InvalidClientTokenId', 'The security token included in the request is invalid.'),
  ),
  told: /refuses the credentials/,
};
