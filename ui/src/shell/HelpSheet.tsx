import { Dialog, Kbd, MEANING, STATES, StateWord } from '../components'
import { useAppearance } from './appearance'
import { useKeyMap } from './keys'
import css from './HelpSheet.module.css'

/** HelpSheet lists the keys that work here, and what the states mean. */
export default function HelpSheet({ onClose }: { onClose: () => void }) {
  const map = useKeyMap()
  const on = useAppearance().keys
  return (
    <Dialog open onClose={onClose} title="Keys and states" width={860}>
      {!on && <p className="muted">Single keys are switched off in the settings; Ctrl K works.</p>}
      <div className={css.sheet}>
        {[...map].map(([section, keys]) => (
          <section key={section}>
            <h3>{section}</h3>
            <dl>
              {keys.map(([key, label]) => (
                <div key={key}>
                  <dt>
                    <Kbd>{key.replaceAll('+', ' ')}</Kbd>
                  </dt>
                  <dd>{label}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
        <section className={css.states}>
          <h3>States, worst first</h3>
          <dl>
            {STATES.map((s) => (
              <div key={s}>
                <dt>
                  <StateWord state={s} />
                </dt>
                <dd>{MEANING[s]}</dd>
              </div>
            ))}
          </dl>
        </section>
      </div>
    </Dialog>
  )
}
