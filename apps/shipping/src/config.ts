import { isDuration, type Duration } from '@parley/contract';
import { serviceEnvironment } from '@parley/service';
import { z } from 'zod';

export const environment = serviceEnvironment({
  PARCEL_STEP: z
    .custom<Duration>(isDuration, 'must be a duration such as 400ms or 2h')
    .default('400ms')
    .describe('how long a parcel takes from one stop to the next'),
});
