import type { KeptMessage } from '../api/types';
import { Tag } from '../shared/parts';
import { fatesOf, toneOf } from './outcomes';

/** Outcomes of a message, one for each of its subscriptions. */
export const Fates = ({ of }: { readonly of: KeptMessage }) => (
  <span className="row">
    {fatesOf(of).map(({ subscription, outcome, attempt, error }) => (
      <span key={subscription}>
        {subscription} <Tag tone={toneOf(outcome)}>{outcome}</Tag>
        {attempt > 1 && ` at delivery ${attempt}`}
        {error !== null && ` ${error}`}
      </span>
    ))}
  </span>
);
