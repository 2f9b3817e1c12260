import { contractIfLoaded } from '@parley/contract';
import type { Definition } from './definition';
import { stageOf } from './saga';
import type { HistoryEntry } from './saga-store';
import { nameOf, type Step } from './step';

/** A step that is still to be taken, if everything goes well. */
export interface StepAhead {
  /** The message that takes it. */
  readonly on: string;
  readonly from?: string;
  readonly to?: string;
  readonly says: readonly string[];
  readonly done: boolean;
}

const MOST_STEPS = 20;

/**
 * The messages that would move a saga on now. Of those that change it, the ones of the services
 * that it asked for something since it has been at this stage; without any, all.
 */
export function waitsFor(
  saga: Definition,
  state: object,
  history: readonly HistoryEntry[],
): readonly string[] {
  return moving(saga, state, askedBy(sinceStage(history, stageOf(state)))).map(({ on }) => on);
}

/**
 * The rest of a saga's way: its own steps, followed with messages of which only the key is known.
 * At each stage the first one that the definition names.
 */
export function stepsAhead(
  saga: Definition,
  state: object,
  history: readonly HistoryEntry[],
): readonly StepAhead[] {
  const steps: StepAhead[] = [];
  const seen = new Set([stageOf(state)]);
  let [at, said] = [state, sinceStage(history, stageOf(state))];
  while (steps.length < MOST_STEPS) {
    const [next] = moving(saga, at, askedBy(said));
    if (!next) break;
    const { on, step } = next;
    const [from, to] = [stageOf(at), stageOf(step.state)];
    steps.push({ on, from, to, says: step.out.map(nameOf), done: step.done });
    if (step.done || seen.has(to)) break;
    seen.add(to);
    [at, said] = [step.state, step.out.map(nameOf)];
  }
  return steps;
}

function moving(saga: Definition, state: object, asked: ReadonlySet<string>) {
  const found = saga
    .triggers()
    .filter(({ starts }) => !starts)
    .flatMap(({ contract }) => {
      const step: Step<object> | undefined = saga.probe(state, contract);
      return step?.changed ? [{ on: contract.name, owner: contract.owner, step }] : [];
    });
  const answers = found.filter(({ owner }) => asked.has(owner));
  return answers.length > 0 ? answers : found;
}

/** Contracts that were sent since the saga came to its stage. */
function sinceStage(history: readonly HistoryEntry[], stage: string | undefined): string[] {
  const came = history.findLastIndex(({ from, to }) => to === stage && from !== stage);
  return history.slice(Math.max(0, came)).flatMap(({ said }) => said);
}

/** The services whose commands these are. */
const askedBy = (said: readonly string[]): ReadonlySet<string> =>
  new Set(
    said.flatMap((name) => {
      const contract = contractIfLoaded(name);
      return contract?.kind === 'command' ? [contract.owner] : [];
    }),
  );
