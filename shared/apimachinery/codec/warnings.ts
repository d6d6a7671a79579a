// What is wrong with a body's form, as warnings.

/** Duplicate YAML keys come as one text with a heading: each becomes a warning of its own. Other texts are warnings as they are. */
export const warningsOf = (problem: string): readonly string[] =>
  problem.startsWith('yaml: unmarshal errors:\n')
    ? problem
        .split('\n')
        .slice(1)
        .map(line => line.trim())
    : [problem]
