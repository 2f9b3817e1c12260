import { serviceEnvironment } from '@parley/service';

export const environment = serviceEnvironment();
