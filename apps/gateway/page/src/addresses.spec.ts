import { CONSOLE_ABOVE, neighbour } from './addresses';

const consoleOf = (url: string) => neighbour(CONSOLE_ABOVE, new URL(url));

describe('another process of npm start', () => {
  it('is found from the port of any instance of the gateway', () => {
    expect(consoleOf('http://127.0.0.1:4000/')).toBe('http://127.0.0.1:4080');
    expect(consoleOf('http://localhost:33002/')).toBe('http://localhost:33080');
  });

  it('is not known where the shop runs elsewhere', () => {
    expect(consoleOf('http://shop.example:4000/')).toBeUndefined();
    expect(consoleOf('http://127.0.0.1/')).toBeUndefined();
  });
});
