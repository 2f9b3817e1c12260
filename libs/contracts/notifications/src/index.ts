export { CustomerNotified } from './notifications';
