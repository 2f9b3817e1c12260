import { serve } from '@parley/service';
import { AppModule } from './app.module';

void serve(AppModule);
