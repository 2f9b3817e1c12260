export { Database, DatabaseError } from './database';
export { describeEnvironment, type Environment, EnvironmentError, readEnvironment, serviceEnvironment } from './environment';
export { DoorError } from './front-door';
export { Lifecycle, type Phase } from './lifecycle';
export { UnexpectedRoute } from './no-http';
export type { Inspectable } from './operations';
export { serve, type ServeOptions } from './serve';
export { Service } from './service';
export { ServiceModule, type ServiceOptions } from './service.module';
