import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { serviceEnvironment } from '@parley/service';
import { z } from 'zod';

const HERE = pathToFileURL(resolve('.data/mail')).href;

export const environment = serviceEnvironment({
  MAIL_URL: z
    .string()
    .default(HERE)
    .describe('where mails go: file:/folder, smtp://host:port or smtps://user:password@host'),
  MAIL_FROM: z
    .string()
    .default('Parley Shop <orders@parley.example>')
    .describe('whom mails are from'),
});
