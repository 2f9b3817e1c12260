import './styles.css';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Refusal } from './api';
import { Storefront } from './storefront';

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // A refusal stays one; a service that is away is asked again.
      retry: (failures, error) => failures < 1 && !(error instanceof Refusal && error.isFinal),
    },
  },
});

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <Storefront />
    </QueryClientProvider>
  </StrictMode>,
);
