import { after, test } from 'node:test';
import { Program } from '../program.mjs';

const app = new Program();
after(() => app.kill());

test('a command is stored, handled and, when its handler fails, kept as a dead letter', async () => {
  await app.ready();
  await app.ask('/greetings/Ada', undefined, 'POST');
  await app.line(/^Hello, Ada!$/);
  await app.ask('/greetings/nobody', undefined, 'POST');
  await app.line(/hello\.greet is dead in hello: there is nobody to greet/);
  await app.stop();
});
