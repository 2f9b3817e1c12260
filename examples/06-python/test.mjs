import { after, test } from 'node:test';
import { Program } from '../program.mjs';

const python = '.venv/bin/python';
/** @type {Program[]} */
const programs = [];
/** @param {ConstructorParameters<typeof Program>} how */
const started = (...how) => {
  const program = new Program(...how);
  programs.push(program);
  return program;
};
after(() => programs.forEach((program) => program.kill()));

test('a program in Python sends a command, and another hears the broadcast that follows', async () => {
  const weather = await started().ready();
  const siren = started(python, ['siren.py']);
  await siren.line(/^listening$/);

  const station = started(python, ['station.py', 'Zürich', '-4.5']);
  await station.line(/^sent to weather\.lane-\d\d$/);
  await weather.line(/^Zürich: -4\.5 °C$/);
  await siren.line(/^frost at Zürich: -4\.5 °C, says \S+$/);
  await weather.stop();
});
