export { IssuerOnTrial, seconds } from '../../../libs/parley/operations/src/issuer.fixture';
