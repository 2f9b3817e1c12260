import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Link,
} from '@tanstack/react-router';
import {
  CONTRACT_FILTERS,
  LETTER_FILTERS,
  MAP_FILTERS,
  MESSAGE_FILTERS,
  SAGA_FILTERS,
} from './filters';
import { Frame } from './frame';
import { Heading, Notice } from './shared/parts';
import { filtersIn } from './shared/url-state';
import { ServicesScreen } from './services/services-screen';

const root = createRootRoute({
  component: Frame,
  notFoundComponent: () => (
    <>
      <Heading title="There is no such screen" />
      <Link to="/">To the services</Link>
    </>
  ),
  errorComponent: ({ error }) => (
    <Notice tone="bad">{error instanceof Error ? error.message : String(error)}</Notice>
  ),
});

const services = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: ServicesScreen,
});
const messages = createRoute({
  getParentRoute: () => root,
  path: '/messages',
  validateSearch: (search) => filtersIn(MESSAGE_FILTERS, search),
  component: lazyRouteComponent(() => import('./messages/messages-screen'), 'MessagesScreen'),
});
const message = createRoute({
  getParentRoute: () => root,
  path: '/messages/$id',
  component: lazyRouteComponent(() => import('./messages/message-screen'), 'MessageScreen'),
});
const conversation = createRoute({
  getParentRoute: () => root,
  path: '/conversations/$correlation',
  component: lazyRouteComponent(
    () => import('./messages/conversation-screen'),
    'ConversationScreen',
  ),
});
const trace = createRoute({
  getParentRoute: () => root,
  path: '/traces/$id',
  component: lazyRouteComponent(() => import('./messages/trace-screen'), 'TraceScreen'),
});
const deadLetters = createRoute({
  getParentRoute: () => root,
  path: '/dead-letters',
  validateSearch: (search) => filtersIn(LETTER_FILTERS, search),
  component: lazyRouteComponent(
    () => import('./dead-letters/dead-letters-screen'),
    'DeadLettersScreen',
  ),
});
const deadLetter = createRoute({
  getParentRoute: () => root,
  path: '/dead-letters/$service/$id',
  component: lazyRouteComponent(() => import('./dead-letters/letter-screen'), 'LetterScreen'),
});
const sagas = createRoute({
  getParentRoute: () => root,
  path: '/sagas',
  validateSearch: (search) => filtersIn(SAGA_FILTERS, search),
  component: lazyRouteComponent(() => import('./sagas/sagas-screen'), 'SagasScreen'),
});
const saga = createRoute({
  getParentRoute: () => root,
  path: '/sagas/$service/$name/$key',
  component: lazyRouteComponent(() => import('./sagas/saga-screen'), 'SagaScreen'),
});
const map = createRoute({
  getParentRoute: () => root,
  path: '/map',
  validateSearch: (search) => filtersIn(MAP_FILTERS, search),
  component: lazyRouteComponent(() => import('./map/map-screen'), 'MapScreen'),
});
const contracts = createRoute({
  getParentRoute: () => root,
  path: '/contracts',
  validateSearch: (search) => filtersIn(CONTRACT_FILTERS, search),
  component: lazyRouteComponent(() => import('./contracts/contracts-screen'), 'ContractsScreen'),
});
const contract = createRoute({
  getParentRoute: () => root,
  path: '/contracts/$name',
  component: lazyRouteComponent(() => import('./contracts/contract-screen'), 'ContractScreen'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    services,
    messages,
    message,
    conversation,
    trace,
    deadLetters,
    deadLetter,
    sagas,
    saga,
    map,
    contracts,
    contract,
  ]),
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
