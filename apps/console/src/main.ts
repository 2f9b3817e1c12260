import { AuditTrail, OperationsAccess, serve } from '@parley/service';
import { guard } from './access';
import { AppModule } from './app.module';
import { environment } from './config';

void serve(AppModule, {
  http: {
    configure: (app) => guard(app, new OperationsAccess(environment), app.get(AuditTrail)),
  },
});
