// Runs in: plain node, the template, a child. sass compiles.
export const load = () => import('sass')
export const use = async ({ compileString, compileStringAsync }) =>
  compileString('$a: 1px; .b { .c { width: $a * 2 } }').css + (await compileStringAsync('a { b: 1 + 2 }')).css
