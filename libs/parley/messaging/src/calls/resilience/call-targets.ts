import type { Question } from '@parley/contract';
import { type CircuitState, RetryBudget } from '@parley/resilience';
import type { Clock } from '../../clock';
import type { TransportContext } from '../../ports/transport';
import { CallTarget } from './call-target';

/** The policies of a caller towards one contract, as operations show them. */
export interface CallTargetState {
  readonly contract: string;
  readonly owner: string;
  readonly circuit: CircuitState;
  readonly inFlight: number;
  /** Retries and hedges that its owner may get right now. */
  readonly retriesLeft: number;
}

/** The targets of a process's calls, one for each contract. */
export class CallTargets {
  private readonly targets = new Map<Question, CallTarget>();
  private readonly budgets = new Map<string, RetryBudget>();

  constructor(
    private readonly clock: Clock,
    private readonly log: TransportContext['log'] = () => undefined,
    /** False: calls are made without any policy. */
    readonly isOn = true,
  ) {}

  of(contract: Question): CallTarget {
    return this.targets.get(contract) ?? this.make(contract);
  }

  states(): readonly CallTargetState[] {
    if (!this.isOn) return [];
    return [...this.targets.values()].map(({ contract, circuit, bulkhead, budget }) => ({
      contract: contract.name,
      owner: contract.owner,
      circuit,
      inFlight: bulkhead?.inFlight ?? 0,
      retriesLeft: budget?.left ?? 0,
    }));
  }

  private make(contract: Question): CallTarget {
    const budget = this.isOn ? this.budgetOf(contract.owner) : undefined;
    const target = new CallTarget(contract, this.clock, budget, (state) => {
      if (state === 'open')
        this.log('warn', `${contract.name} is refused: nearly all calls to it failed`);
      else this.log('info', `${contract.name} is called again`);
    });
    this.targets.set(contract, target);
    return target;
  }

  private budgetOf(owner: string): RetryBudget {
    let budget = this.budgets.get(owner);
    if (!budget) this.budgets.set(owner, (budget = new RetryBudget(this.clock)));
    return budget;
  }
}
