export { tcp } from './tcp';
