// A service that handles one contract of every kind, run as a process of its own by
// failing-start.int.spec.ts. With a wrong environment it must not start.
import { Controller, Module } from '@nestjs/common';
import { broadcast, call, command, event, type Message } from '@parley/contract';
import { Handles, Subscription } from '@parley/messaging';
import { z } from 'zod';
import { serve, serviceEnvironment, ServiceModule } from './index';

const environment = serviceEnvironment({
  NAME: z.string().describe('the owner of all contracts here: a name that no other start has'),
  BATCH: z
    .stringbool()
    .default(false)
    .describe('whether broadcasts are asked for in batches, which no technology has'),
});

const Job = z.object({ id: z.string() });
const AskJob = call(`${environment.NAME}.ask-job`, { request: Job, reply: Job });
const DoJob = command(`${environment.NAME}.do-job`, Job, { key: 'id' });
const JobSeen = broadcast(`${environment.NAME}.job-seen`, Job);
const JobDone = event(`${environment.NAME}.job-done`, Job, { key: 'id' });

@Controller()
@Subscription('jobs')
class Jobs {
  @Handles(AskJob)
  ask(job: Message<typeof AskJob>): Message<typeof AskJob> {
    return job;
  }

  @Handles(DoJob)
  do(): void {}

  @Handles(JobSeen, (environment.BATCH ? { batch: 10 } : {}) as object)
  seen(): void {}

  @Handles(JobDone)
  done(): void {}
}

@Module({
  imports: [ServiceModule.forRoot({ service: environment.NAME, environment, migrations: [] })],
  controllers: [Jobs],
})
class AppModule {}

void serve(AppModule);
