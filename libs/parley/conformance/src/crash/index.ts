export { Campaign, type CampaignOptions, type CampaignResult, stepsOf } from './campaign';
export { Host, type Work } from './host';
export {
  CONSUMER,
  SENDER,
  type CrashPlace,
  type CrashSite,
  type Entry,
  type Life,
  type OpenPlace,
  type UnderWay,
} from './place';
export { type Plant, PLANTS } from './plants';
