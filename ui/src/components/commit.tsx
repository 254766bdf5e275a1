import type { CommitRef as Commit } from '../api/types'
import { Ago } from './time'
import { Ext, T, plain } from './text'
import css from './commit.module.css'

/** short is the part of a commit's or digest's name that people say. */
export function short(id: string): string {
  return id.replace(/^sha\d+:/, '').slice(0, 7)
}

/** CommitRef is a commit in a line: name, subject, author, when. `brief` leaves author and time out. */
export function CommitRef({ commit, brief }: { commit: Commit | undefined; brief?: boolean }) {
  if (!commit?.sha) return null
  const title = [plain(commit.subject), commit.author && `by ${plain(commit.author)}`, commit.sha].filter(Boolean).join('\n')
  return (
    <span className={css.commit} title={title}>
      <Ext href={commit.url} className={css.sha}>
        {short(commit.sha)}
      </Ext>
      {commit.subject && (
        <span className="cut">
          <T>{commit.subject}</T>
        </span>
      )}
      {!brief && commit.author && (
        <span className={`muted ${css.by}`}>
          <T>{commit.author}</T>
        </span>
      )}
      {!brief && (
        <span className={`muted ${css.by}`}>
          <Ago at={commit.when} />
        </span>
      )}
      {commit.links?.map((l) => (
        <Ext href={l.url} key={l.url + l.text} className={css.link}>
          <T>{l.text}</T>
        </Ext>
      ))}
    </span>
  )
}
