import '@mantine/core/styles.css';
import './styles.css';
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode, useEffect, useSyncExternalStore } from 'react';
import { createRoot } from 'react-dom/client';
import { ApiError } from './api/client';
import { router } from './router';
import { Login } from './session/login';
import { current, subscribe, takeTokenOfLink } from './session/session';
import { theme, variables } from './theme';

takeTokenOfLink();
window.addEventListener('hashchange', takeTokenOfLink);

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      // A refusal stays one; a service that is away is asked again by the next round.
      retry: (failures, error) =>
        failures < 1 && error instanceof ApiError && error.status === undefined,
    },
  },
});

function Console() {
  const { session, ended } = useSyncExternalStore(subscribe, current);
  const token = session?.token;
  // Forgets the data of one operator before the next one logs in.
  useEffect(() => () => queries.clear(), [token]);
  if (token === undefined) return <Login key={ended} ended={ended} />;
  return <RouterProvider key={token} router={router} />;
}

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <Console />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
