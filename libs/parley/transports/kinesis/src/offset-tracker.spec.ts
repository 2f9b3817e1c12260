import { OffsetTracker } from './offset-tracker';

describe('the progress of a shard', () => {
  it('never passes what is not finished', () => {
    const progress = new OffsetTracker('0');
    const [one, two, three] = ['1', '2', '3'].map((sequence) => progress.begin(sequence));
    three!();
    one!();
    expect([progress.position, progress.count]).toEqual(['1', 1]);
    two!();
    expect([progress.position, progress.count]).toEqual(['3', 0]);
  });

  it('counts what is finished once', () => {
    const progress = new OffsetTracker('');
    const finish = progress.begin('1');
    progress.begin('2');
    finish();
    finish();
    expect([progress.position, progress.count]).toEqual(['1', 1]);
  });
});
