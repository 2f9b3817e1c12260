import { useState } from 'react';
import { neighbour, PROVIDER_ABOVE } from './addresses';
import { Section } from './parts';

/** Orders that fail, and what to type where `npm start` was typed; with what one sees then. */
export function Breaking() {
  const provider = neighbour(PROVIDER_ABOVE, new URL(location.href));
  return (
    <Section id="breaking" title="4 · Break something, and see it recover">
      <p>
        <strong>By an order.</strong> Choose under <a href="#checkout">What shall happen?</a> a card
        that is declined or a parcel to Antarctica, and watch on the map how the earlier steps are
        undone.
      </p>
      {provider && <Commands provider={provider} />}
    </Section>
  );
}

function Commands({ provider }: { readonly provider: string }) {
  return (
    <>
      <p>
        <strong>By a command</strong>, in a terminal, in the folder where <code>npm start</code>{' '}
        runs. Place orders meanwhile: they are taken, wait where the dashes move, and go on by
        themselves.
      </p>
      <Experiment
        title="The payment provider is down"
        steps={[
          [
            `curl -d '{"down":true}' ${provider}/admin`,
            'Orders stop at payments, which asks again after 1 s, 10 s and 60 s.',
          ],
          [
            `curl -d '{"down":false}' ${provider}/admin`,
            'With the next try every order goes on. Nobody is charged twice.',
          ],
          [
            'npm run parley -- dead-letters replay --all --service payments',
            'Needed when the last try was in vain, too: puts those charges back.',
          ],
        ]}
      />
      <Experiment
        title="A service stands still"
        steps={[
          [
            `kill -STOP ${pidOf('inventory')}`,
            'Orders are taken all the same: their commands wait in the queue of inventory.',
          ],
          [`kill -CONT ${pidOf('inventory')}`, 'It handles what has waited, in order.'],
        ]}
      />
      <Experiment
        title="A service dies in the middle of its work"
        steps={[
          [
            `kill -9 ${pidOf('shipping')}`,
            'npm start starts it again within seconds; what it had not finished is delivered once more.',
          ],
        ]}
      />
      <Experiment
        title="A service is replaced while it works"
        steps={[
          [
            'npm run parley -- restart orders',
            'A second instance stands in, then the first is replaced. No order notices.',
          ],
          ['npm run parley -- status', 'How every service and queue is, and what needs a person.'],
        ]}
      />
    </>
  );
}

const pidOf = (service: string): string =>
  `$(node -p "require('./.data/run.json').instances['${service}-1'].pid")`;

type Step = readonly [command: string, shows: string];

const Experiment = ({
  title,
  steps,
}: {
  readonly title: string;
  readonly steps: readonly Step[];
}) => (
  <>
    <h3>{title}</h3>
    <dl className="commands">
      {steps.map(([command, shows]) => (
        <div key={command}>
          <dt>
            <code>{command}</code> <Copy text={command} />
          </dt>
          <dd>{shows}</dd>
        </div>
      ))}
    </dl>
  </>
);

function Copy({ text }: { readonly text: string }) {
  const [isCopied, setCopied] = useState(false);
  // Browsers lend the clipboard to pages of this machine and of HTTPS.
  if (!('clipboard' in navigator)) return null;
  return (
    <button
      type="button"
      aria-label={`Copy ${text}`}
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
      onBlur={() => setCopied(false)}
    >
      {isCopied ? 'Copied' : 'Copy'}
    </button>
  );
}
