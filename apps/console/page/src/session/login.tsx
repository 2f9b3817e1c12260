import { Button, PasswordInput, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { ApiError, askAs } from '../api/client';
import type { Me } from '../api/types';
import { Heading, Notice } from '../shared/parts';
import { begin } from './session';

/** Takes a token, and tries it before anything is shown. */
export function Login({ ended }: { readonly ended?: string }) {
  const [token, setToken] = useState('');
  const [name, setName] = useState('');
  const [problem, setProblem] = useState(ended);
  const [isTrying, setTrying] = useState(false);

  async function tryToken(event: FormEvent): Promise<void> {
    event.preventDefault();
    const session = { token: token.trim(), ...(name.trim() !== '' && { name: name.trim() }) };
    if (session.token === '') return setProblem('Enter a token.');
    setTrying(true);
    try {
      await askAs<Me>(session, 'me');
      begin(session);
    } catch (error) {
      const isUnknown = error instanceof ApiError && error.status === 401;
      setProblem(isUnknown ? 'The console does not know this token.' : (error as Error).message);
      setTrying(false);
    }
  }

  return (
    <main className="login">
      <form className="panel" onSubmit={(event) => void tryToken(event)}>
        <Heading title="Parley console" />
        {problem !== undefined && <Notice tone="bad">{problem}</Notice>}
        <PasswordInput
          label="Token"
          description="An operator’s access token (npm run login -- --print), or the token of operations"
          value={token}
          onChange={(event) => setToken(event.currentTarget.value)}
          autoComplete="off"
          data-autofocus
          autoFocus
          visibilityToggleButtonProps={{ 'aria-label': 'Show the token' }}
        />
        <TextInput
          label="Your name"
          description="For the audit, where the token names nobody; it is marked as claimed"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          autoComplete="username"
        />
        <Button type="submit" loading={isTrying}>
          Log in
        </Button>
        <p className="dim">
          <code>npm start</code> prints a link that logs in by itself. The token stays in this tab
          until it is closed.
        </p>
      </form>
    </main>
  );
}
