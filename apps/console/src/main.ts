import { AuditTrail, OperationsAccess, serve } from '@parley/service';
import { guard } from './access';
import { AppModule } from './app.module';
import { environment } from './config';
import { takeTelemetry } from './messages/ingestion';
import { MessageKeeper } from './messages/message-keeper';
import { PAGE, servePage } from './page';

void serve(AppModule, {
  http: {
    configure: (app) => {
      guard(app, new OperationsAccess(environment), app.get(AuditTrail));
      takeTelemetry(app, app.get(MessageKeeper));
      servePage(app, PAGE);
    },
  },
});
