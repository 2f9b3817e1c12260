import './field-numbers';
export { type Figures, GetFigures } from './insights';
