import { chargeKey } from '../../payments/src/payment';
import type { Charge, Sums } from '../../payment-provider/src/ledger';

/** Reads and controls the payment provider. */
export class ProviderWindow {
  constructor(private readonly url: URL) {}

  async setDown(down: boolean): Promise<void> {
    await this.read('/admin', { method: 'POST', body: JSON.stringify({ down }) });
  }

  sums(): Promise<Sums> {
    return this.read('/ledger');
  }

  async captured(orderIds: readonly string[]): Promise<number> {
    const keys = new Set(orderIds.map((orderId) => chargeKey(orderId)));
    const { entries } = await this.read<{ entries: readonly Charge[] }>(
      '/ledger?kind=charge&status=captured&entries=true',
    );
    return entries.filter(({ key }) => keys.has(key)).length;
  }

  private async read<Answer>(path: string, request?: RequestInit): Promise<Answer> {
    const response = await fetch(new URL(path, this.url), request);
    if (!response.ok)
      throw new Error(`the payment provider answered ${response.status} to ${path}`);
    return (await response.json()) as Answer;
  }
}
