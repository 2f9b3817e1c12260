import { Module } from '@nestjs/common';
import { ServiceModule } from '@parley/service';
import { DataSource } from 'typeorm';
import { environment } from './config';
import { MailStore, SqlMailStore } from './mail.store';
import { Mailbox, mailboxAt } from './mailbox';
import { MailsController } from './mails.controller';
import { CreateMail1790000600000 } from './migrations/1790000600000-create-mail';

@Module({
  imports: [
    ServiceModule.forRoot({
      service: 'notifications',
      environment,
      migrations: [CreateMail1790000600000],
      ownCopies: 'notifications.mail.recipient; the mails themselves (MAIL_URL)',
    }),
  ],
  controllers: [MailsController],
  providers: [
    {
      provide: MailStore,
      useFactory: ({ manager }: DataSource) => new SqlMailStore(manager),
      inject: [DataSource],
    },
    { provide: Mailbox, useFactory: () => mailboxAt(environment.MAIL_URL, environment.MAIL_FROM) },
  ],
})
export class AppModule {}
