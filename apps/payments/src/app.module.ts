import { Module } from '@nestjs/common';
import { ServiceModule } from '@parley/service';
import { environment } from './config';
import { CreatePayment1790000400000 } from './migrations/1790000400000-create-payment';
import { PaymentController } from './payment.controller';
import { PaymentStore, SqlPaymentStore } from './payment.store';
import { PaymentProvider } from './provider';
import { ProviderConnection } from './provider-connection';

const provider = () =>
  new PaymentProvider(
    new ProviderConnection(
      new URL(environment.PAYMENT_PROVIDER_URL),
      environment.PAYMENT_PROVIDER_TIMEOUT,
    ),
  );

@Module({
  imports: [
    ServiceModule.forRoot({
      service: 'payments',
      environment,
      migrations: [CreatePayment1790000400000],
    }),
  ],
  controllers: [PaymentController],
  providers: [
    { provide: PaymentStore, useClass: SqlPaymentStore },
    { provide: PaymentProvider, useFactory: provider },
  ],
})
export class AppModule {}
