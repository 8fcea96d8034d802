// The default gates of a shop that knows nothing of its users, for plans of tests.
import { defaultGateSettings, type GateSettings } from './gate-settings.ts'

export const someGateSettings: GateSettings = {
  ...defaultGateSettings,
  bias: { ...defaultGateSettings.bias, by: ['item popularity'] },
}
