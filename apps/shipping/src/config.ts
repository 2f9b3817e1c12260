import { serviceEnvironment } from '@parley/service';
import { z } from 'zod';

export const environment = serviceEnvironment({
  PARCEL_STEP: z
    .templateLiteral([z.number(), z.enum(['ms', 's', 'm', 'h', 'd'])], 'must be a duration such as 400ms or 2h')
    .default('400ms')
    .describe('how long a parcel takes from one stop to the next'),
});
