import { type Answer, comingUpSuite } from '@parley/conformance';
import { redis } from './redis';

const url = process.env.REDIS_URL ?? '';

/** Answers every command with this error, as Redis does while it loads its data. */
const error =
  (text: string): Answer =>
  (near) =>
    near.on('data', (commands) =>
      near.write(`-${text}\r\n`.repeat(String(commands).match(/^\*\d+\r$/gm)?.length ?? 0)),
    );

const answers = [
  'LOADING Redis is loading the dataset in memory',
  'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
];

if (url)
  comingUpSuite({
    technology: redis,
    kind: 'broadcast',
    url,
    port: 6379,
    notYet: Object.fromEntries(
      answers.map((text) => {
        const [code] = text.split(' ');
        return [code, { answer: error(text), told: new RegExp(`: ${code} `) }];
      }),
    ),
    // One asks whether it is ready, two of Nest publish, then the one that listens is opened.
    connections: ['not yet', 'not yet', 'through', 'through', 'through', 'not yet'],
    refusal: {
      answer: error('WRONGPASS invalid username-password pair or user is disabled.'),
      told: /refuses the user/,
    },
    tearDown: () => Promise.resolve(),
  });
else it.skip('redis: not run, for REDIS_URL is not set', () => undefined);
