import { Link } from '@tanstack/react-router';
import type { DeadOfSaga } from '../api/types';

/** The dead letters of a saga's conversation. */
export const DeadOf = ({ dead }: { readonly dead: readonly DeadOfSaga[] }) => (
  <span className="stack">
    {dead.map(({ letter, contract, holds }) => {
      const [service = '', id = ''] = letter.split('/');
      return (
        <span key={letter}>
          <Link to="/dead-letters/$service/$id" params={{ service, id }} className="bad-text">
            {letter}
          </Link>{' '}
          {contract}
          {holds && ', its lane waits'}
        </span>
      );
    })}
  </span>
);
