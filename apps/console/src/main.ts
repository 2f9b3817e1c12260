import { serve } from '@parley/service';
import { AppModule } from './app.module';
import { refuseForeignPages } from './same-origin';

void serve(AppModule, { http: { configure: refuseForeignPages } });
