import { serve } from '@parley/service';
import { AppModule } from './app.module';
import { beginConversations } from './conversation';
import { BODY_LIMIT, parseJsonCarefully } from './json-body';
import { describeEdge } from './openapi';

void serve(AppModule, {
  http: {
    bodyLimit: BODY_LIMIT,
    configure: (app) => {
      beginConversations(app);
      parseJsonCarefully(app);
      describeEdge(app);
    },
  },
});
