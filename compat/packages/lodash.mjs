// Runs in: plain node, the template, a child. lodash: a template and a deep copy.
export const load = () => import('lodash')
export const use = ({ default: _ }) => _.template('a <%= b %>')({ b: 1 }) + JSON.stringify(_.cloneDeep({ c: [1] }))
