// Icons of kinds: strokes on a 16 px grid, drawn for this console, one colour. The kind stands beside each in words.
const drawings = {
  deployment: 'M8 1.8 13.4 5v6L8 14.2 2.6 11V5zM8 5.2l2.6 1.5v3L8 11.2 5.4 9.7v-3z',
  replicas: 'M5.5 2.2h8v8h-8zM2.5 5.4v8.1h8.1',
  pod: 'M8 1.8 13.6 5v6L8 14.2 2.4 11V5zM2.6 5.2 8 8.2l5.4-3M8 8.2v5.8',
  stateful: 'M2.8 4c0-1.2 2.3-2 5.2-2s5.2.8 5.2 2-2.3 2-5.2 2-5.2-.8-5.2-2zM2.8 4v4c0 1.2 2.3 2 5.2 2s5.2-.8 5.2-2V4M2.8 8v4c0 1.2 2.3 2 5.2 2s5.2-.8 5.2-2V8',
  daemon: 'M8 10.4a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8zM8 1.6v4M8 10.4v4M1.6 8h4M10.4 8h4',
  job: 'M3 3h10v10H3zM5.6 8.2l1.7 1.7 3.2-3.6',
  cron: 'M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4zM8 4.6V8l2.4 1.6',
  service: 'M8 4.4a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM3 14.4a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM13 14.4a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM8 4.4v4M3 11.4V8.6h10v2.8',
  ingress: 'M1.8 8h8M7 4.8 10.2 8 7 11.2M13.6 2.4v11.2',
  config: 'M3 2.2h10v11.6H3zM5.5 5.4h5M5.5 8h5M5.5 10.6h3',
  secret: 'M3.4 7h9.2v6.8H3.4zM5.4 7V5a2.6 2.6 0 0 1 5.2 0v2M8 9.8v1.6',
  account: 'M8 7.4a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2zM2.8 13.8a5.2 5.2 0 0 1 10.4 0',
  role: 'M8 1.8 13.4 4v4c0 3.1-2.2 5.2-5.4 6.2C4.8 13.2 2.6 11.1 2.6 8V4z',
  volume: 'M2.4 4.2h11.2v7.6H2.4zM2.4 9h11.2M11 10.5h.1',
  namespace: 'M2 5V2h3M11 2h3v3M14 11v3h-3M5 14H2v-3M6 6h4v4H6z',
  schema: 'M5.6 2.4H4.4c-1 0-1.5.6-1.5 1.5v2.4L1.8 8l1.1 1.7v2.4c0 .9.5 1.5 1.5 1.5h1.2M10.4 2.4h1.2c1 0 1.5.6 1.5 1.5v2.4L14.2 8l-1.1 1.7v2.4c0 .9-.5 1.5-1.5 1.5h-1.2',
  scale: 'M2.4 13.6v-4M6.2 13.6V7M10 13.6V4.6M13.6 13.6V2.4',
  network: 'M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4zM1.8 8h12.4M8 1.8c2 1.8 2.8 3.9 2.8 6.2S10 12.4 8 14.2C6 12.4 5.2 10.3 5.2 8S6 3.6 8 1.8z',
  budget: 'M8 1.8 13.4 4v4c0 3.1-2.2 5.2-5.4 6.2C4.8 13.2 2.6 11.1 2.6 8V4zM8 5v3.4M8 10.6v.1',
  machine: 'M2.4 2.6h11.2v4.4H2.4zM2.4 9h11.2v4.4H2.4zM4.8 4.8h.1M4.8 11.2h.1',
  wave: 'M1.8 5.2c2-2 4.2-2 6.2 0s4.2 2 6.2 0M1.8 10.4c2-2 4.2-2 6.2 0s4.2 2 6.2 0',
  hook: 'M8 2v6.8a2.6 2.6 0 1 1-4.4-1.9M8 2h4',
  other: 'M8 2.2 13.8 8 8 13.8 2.2 8z',
} as const
type Drawing = keyof typeof drawings

const kinds: Record<string, Drawing> = {
  Deployment: 'deployment', ReplicaSet: 'replicas', ReplicationController: 'replicas', Pod: 'pod', StatefulSet: 'stateful', DaemonSet: 'daemon', Job: 'job', CronJob: 'cron',
  Service: 'service', Endpoints: 'service', EndpointSlice: 'service', Ingress: 'ingress', Gateway: 'ingress', HTTPRoute: 'ingress', IngressClass: 'ingress',
  ConfigMap: 'config', ControllerRevision: 'config', Secret: 'secret', ExternalSecret: 'secret', SealedSecret: 'secret', ServiceAccount: 'account',
  Role: 'role', RoleBinding: 'role', ClusterRole: 'role', ClusterRoleBinding: 'role', PersistentVolumeClaim: 'volume', PersistentVolume: 'volume', StorageClass: 'volume',
  Namespace: 'namespace', CustomResourceDefinition: 'schema', HorizontalPodAutoscaler: 'scale', VerticalPodAutoscaler: 'scale', NetworkPolicy: 'network',
  GRPCRoute: 'ingress', TCPRoute: 'ingress', TLSRoute: 'ingress', UDPRoute: 'ingress', App: 'deployment',
  Node: 'machine', 'No node': 'machine', Wave: 'wave', Hooks: 'hook', Foundation: 'namespace', 'Depends on': 'cron', 'No Service': 'service',
  PodDisruptionBudget: 'budget', ResourceQuota: 'budget', LimitRange: 'budget', ValidatingWebhookConfiguration: 'role', MutatingWebhookConfiguration: 'role',
}

/** KindIcon is decoration: the kind is written beside it. */
export function KindIcon({ kind, size = 16 }: { kind: string; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth={1.3} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={drawings[kinds[kind] ?? 'other']} />
    </svg>
  )
}
