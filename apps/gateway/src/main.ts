import { serve } from '@parley/service';
import { AppModule } from './app.module';
import { environment } from './config';
import { edge } from './edge';
import { openToOrigins } from './limits/cross-origin';

const { TRUSTED_PROXIES } = environment;

void serve(AppModule, {
  http: {
    ...edge,
    fastify: { ...edge.fastify, trustProxy: TRUSTED_PROXIES },
    configure: (app) => {
      edge.configure(app);
      openToOrigins(app);
    },
  },
});
