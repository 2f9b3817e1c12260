export { storeSpec, type StoreOnTrial } from './store-spec';
