import { Harness, type TestService } from '@parley/testing';
import { CqrsModule } from '@nestjs/cqrs';
import { command, event } from '@parley/contract';
import { z } from 'zod';
import { saga } from './saga';
import { SagaModule } from './saga.module';
import { SagaOperations, type SagaReport } from './saga-operations';
import { end, next, send, stay } from './step';
import { FAILURES_UNTIL_PAUSE } from './timeouts';

const Id = z.object({ loan: z.string() });
const Asked = event('lending.loan-asked', Id.extend({ sum: z.int() }), { key: 'loan' });
const Check = command('scoring.check-loan', Id, { key: 'loan' });
const Checked = event('scoring.loan-checked', Id.extend({ score: z.int() }), { key: 'loan' });
const Pay = command('paying.pay-loan', Id, { key: 'loan' });
const Paid = event('paying.loan-paid', Id, { key: 'loan' });
const TakeBack = command('paying.take-back', Id.extend({ why: z.string() }), { key: 'loan' });

const Loan = z.object({
  loan: z.string(),
  stage: z.enum(['checking', 'paying', 'undoing', 'paid']),
  sum: z.int(),
  score: z.int().optional(),
});

/** Broken steps, until somebody mends them. */
const broken = { timeout: false, score: false };

const lending = saga('lending', { state: Loan, by: 'loan' })
  .startsOn(Asked, ({ loan, sum }) => next({ loan, sum, stage: 'checking' }, send(Check, { loan })))
  .on(Checked, (loan, { score }) => {
    if (broken.score) throw new TypeError('no such score');
    return loan.stage === 'checking'
      ? next({ ...loan, score, stage: 'paying' }, send(Pay, { loan: loan.loan }))
      : stay(loan);
  })
  .on(Paid, (loan) => end({ ...loan, stage: 'paid' }))
  .after('10m', { in: 'checking' }, (loan) => {
    if (broken.timeout) throw new Error('the desk is closed');
    return next(loan, send(Check, { loan: loan.loan }));
  })
  .onCancel((loan, { reason }) =>
    loan.stage === 'checking'
      ? end(loan)
      : next({ ...loan, stage: 'undoing' }, send(TakeBack, { loan: loan.loan, why: reason })),
  );

describe('a saga that is stuck', () => {
  let harness: Harness;
  let service: TestService;
  const by = (version: number) => ({ version, reason: 'the provider said so' });

  beforeEach(async () => {
    [broken.timeout, broken.score] = [false, false];
    harness = new Harness({ log: () => undefined });
    service = await harness.start('lending', {
      imports: [CqrsModule.forRoot(), SagaModule.forRoot([lending])],
    });
  });
  afterEach(() => harness.close());

  const operations = () => service.get(SagaOperations);
  const find = async (loan = 'l-1'): Promise<SagaReport> =>
    (await operations().find('lending', loan))!;
  const ask = async (loan = 'l-1') => {
    await harness.publish(Asked, { loan, sum: 500 });
    await harness.advance('1s');
    return find(loan);
  };
  const repair = (verb: string, asked: object, loan = 'l-1') =>
    operations().change(['lending', loan, verb], asked, 'ada');
  const sentChecks = () => harness.sent(Check).length;

  it('tells what it waits for, and the rest of its way, as its steps say', async () => {
    expect(await ask()).toMatchObject({
      stage: 'checking',
      asked: [Check.name],
      waitsFor: [Checked.name],
      stages: ['checking', 'paying', 'undoing', 'paid'],
      ahead: [
        { on: Checked.name, from: 'checking', to: 'paying', says: [Pay.name], done: false },
        { on: Paid.name, from: 'paying', to: 'paid', done: true },
      ],
      cancellable: true,
    });
  });

  it('shows what each step changed of its state', async () => {
    await ask();
    await harness.publish(Checked, { loan: 'l-1', score: 7 });
    await harness.advance('1s');
    expect((await find()).history[1]!.changes).toEqual([
      { field: 'stage', from: '"checking"', to: '"paying"' },
      { field: 'score', to: '7' },
    ]);
  });

  it('asks when a timeout keeps failing, and holds up no other; resumed, it goes on', async () => {
    await ask();
    await ask('l-2');
    broken.timeout = true;
    await harness.advance('10m');
    await harness.advance('40m');
    for (const loan of ['l-1', 'l-2'])
      expect((await find(loan)).timeouts).toMatchObject([
        {
          name: 'in checking',
          paused: true,
          failures: FAILURES_UNTIL_PAUSE,
          error: 'the desk is closed',
        },
      ]);
    await ask('l-3');
    expect((await find('l-3')).stage).toBe('checking');
    broken.timeout = false;
    await harness.advance('10m');
    const before = sentChecks();
    expect((await repair('resume', by(1)))!.status).toBe(202);
    await harness.advance('2s');
    expect(sentChecks()).toBe(before + 1);
    expect((await find()).timeouts).toMatchObject([{ paused: false, failures: 0 }]);
    expect((await find('l-2')).timeouts).toMatchObject([{ paused: true }]);
  });

  it('asks when the step of a message died; resumed, the message is handled', async () => {
    await ask();
    broken.score = true;
    await harness.publish(Checked, { loan: 'l-1', score: 7 });
    await harness.advance('2m');
    const { deadSteps, version } = await find();
    expect(deadSteps).toMatchObject([
      { contract: Checked.name, error: 'TypeError: no such score' },
    ]);
    broken.score = false;
    expect((await repair('resume', by(version)))!.status).toBe(202);
    await harness.advance('1s');
    expect(await find()).toMatchObject({ stage: 'paying', deadSteps: [] });
  });

  it('leaves a message out whose step died, and goes on', async () => {
    await ask();
    broken.score = true;
    await harness.publish(Checked, { loan: 'l-1', score: 7 });
    await harness.advance('2m');
    expect((await repair('skip', { ...by(1), step: Checked.name }))!.status).toBe(202);
    expect(await find()).toMatchObject({ stage: 'checking', version: 2, deadSteps: [] });
  });

  it('takes a timeout now, which counts as before', async () => {
    await ask();
    const before = sentChecks();
    expect((await repair('retry', by(1)))!.status).toBe(202);
    await harness.advance('2s');
    expect(sentChecks()).toBe(before + 1);
    expect((await find()).timeouts).toMatchObject([{ times: 1, overdue: false }]);
  });

  it('goes on as if an answer had come, which fits its contract', async () => {
    await ask();
    const refused = await repair('skip', { ...by(1), step: Checked.name, answer: { score: 'x' } });
    expect(refused).toMatchObject({
      ...{ status: 422, body: { message: expect.stringMatching(/score/) } },
    });
    const skipped = await repair('skip', { ...by(1), step: Checked.name, answer: { score: 9 } });
    expect(skipped!.status).toBe(202);
    expect(await find()).toMatchObject({ stage: 'paying', state: { score: 9 } });
    expect(harness.sent(Pay)).toHaveLength(1);
  });

  it('is cancelled by its own compensation', async () => {
    await ask();
    await repair('skip', { ...by(1), step: Checked.name, answer: { score: 9 } });
    expect((await repair('cancel', by(2)))!.status).toBe(202);
    expect(await find()).toMatchObject({ stage: 'undoing', done: false });
    expect(harness.sent(TakeBack)).toMatchObject([{ loan: 'l-1', why: by(2).reason }]);
  });

  it('is told to whoever looked before another step was taken: changed meanwhile', async () => {
    await ask();
    const both = await Promise.all([
      repair('skip', { ...by(1), step: Checked.name, answer: { score: 1 } }),
      repair('skip', { ...by(1), step: Checked.name, answer: { score: 2 } }),
    ]);
    expect(both.map((one) => one!.status).sort()).toEqual([202, 409]);
    expect(harness.sent(Pay)).toHaveLength(1);
    const { repairs } = await find();
    expect(repairs.map(({ outcome }) => outcome).sort()).toEqual([
      'done',
      'lending l-1 changed meanwhile: it is at "paying", version 2; look again',
    ]);
  });

  it('has every repair in its history and in the audit, with who and why', async () => {
    await ask();
    await repair('skip', { ...by(1), step: 'in checking' });
    const { history, timeouts, repairs } = await find();
    expect(timeouts).toEqual([]);
    expect(history.at(-1)).toMatchObject({
      trigger: 'skip of "in checking"',
      who: 'ada',
      reason: 'the provider said so',
    });
    expect(repairs).toMatchObject([
      { who: 'ada', action: 'skip of "in checking"', outcome: 'done' },
    ]);
  });

  it.each([
    ['retry', { timeout: 'nothing' }, 422],
    ['skip', { step: 'nothing' }, 422],
    ['skip', { step: Asked.name }, 422],
    ['resume', {}, 422],
  ])('refuses %s %p', async (verb, more, status) => {
    await ask();
    expect((await repair(verb, { ...by(1), ...more }))!.status).toBe(status);
    expect((await find()).version).toBe(1);
  });

  it('takes no repair without a reason, or of a saga that is not there', async () => {
    await ask();
    await expect(repair('resume', { version: 1, reason: ' ' })).rejects.toThrow('say why');
    expect((await repair('retry', by(1), 'nobody'))!.status).toBe(404);
    expect(await repair('burn', by(1))).toBeUndefined();
  });
});
