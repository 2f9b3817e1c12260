import { Latencies } from './latencies';

describe('latencies', () => {
  it('have a 95th percentile after 32 samples', () => {
    const latencies = new Latencies();
    for (let sample = 1; sample <= 31; sample++) latencies.note(sample);
    expect(latencies.current).toBeUndefined();
    latencies.note(32);
    expect(latencies.current).toBe(31);
  });

  it('forget all but the last 128', () => {
    const latencies = new Latencies();
    for (let sample = 0; sample < 128; sample++) latencies.note(1_000);
    for (let sample = 0; sample < 128; sample++) latencies.note(5);
    expect(latencies.current).toBe(5);
  });
});
