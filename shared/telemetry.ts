// Figures for whoever operates a deployment. What counts things is told where they go; nobody who counts knows whether anybody looks.

export interface Figure {
  /** In CloudWatch's way: "Requests", "QueueAge". */
  readonly name: string
  readonly unit: 'Count' | 'Milliseconds'
  readonly value: number
  /** What it is told apart by. Few values each: every combination is a metric of its own, and is paid for as one. */
  readonly by?: Readonly<Record<string, string>>
}

export interface Telemetry {
  add(figure: Figure): void
}

export const noTelemetry: Telemetry = { add() {} }
