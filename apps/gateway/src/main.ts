import { serve } from '@parley/service';
import { AppModule } from './app.module';
import { edge } from './edge';

void serve(AppModule, { http: edge });
