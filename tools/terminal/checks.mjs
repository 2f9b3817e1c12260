// The checks of a tool, told one by one as they end, and their sum.
import { messageOf } from './errors.mjs';

export class Checks {
  passed = 0;
  failed = 0;

  /**
   * @param {string} what
   * @param {() => Promise<string | void>} work throws when it is not so; what it returns is told behind the check
   * @returns {Promise<boolean>}
   */
  async check(what, work) {
    const began = performance.now();
    const took = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
    try {
      const detail = await work();
      this.passed++;
      console.log(`✓ ${what}${detail ? `: ${detail}` : ''} (${took()})`);
      return true;
    } catch (error) {
      this.failed++;
      console.log(`✗ ${what}: ${messageOf(error)} (${took()})`);
      return false;
    }
  }

  /** `N passed, N failed`, and the exit code of the process. */
  end() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    process.exitCode = this.failed > 0 || this.passed === 0 ? 1 : 0;
  }
}
