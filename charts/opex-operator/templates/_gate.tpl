{{/*
What the policies of the gate have in common.

The operator writes one label and three annotations on a Namespace:

  opex.dev/gate: warn | block-scale-up | block
  opex.dev/ceilings: "deployments.apps/web=10 replicationcontrollers/old=2"
  opex.dev/gate-message: 'ClusterBudget "payments" is used up (1000.00 EUR for 2026-11,
    since 2026-11-21T10:03Z, resets 2026-12-01). Ask finops@example.com for a BudgetOverride.'

The message is one line of at most 512 characters. Its first sentence, up to the
first full stop that is followed by a space, says why; the rest says what to do.
A policy puts between the two what is still allowed. The first sentence must
therefore hold no ". " of its own: amounts, dates and names never do.
*/}}

{{/* Who is never gated: the operator, and the users listed in the values. */}}
{{- define "opex.gate.exempt" -}}
- name: not-exempt
  expression: >-
    !(request.userInfo.username in {{ prepend .Values.gate.exemptUsers (include "opex.user" .) | toJson }})
{{- end -}}

{{- define "opex.gate.variables" -}}
- name: state
  expression: namespaceObject.metadata.?labels[?'opex.dev/gate'].orValue('')
- name: sentences
  expression: >-
    (namespaceObject.metadata.?annotations[?'opex.dev/gate-message']
      .orValue('the gate of namespace ' + namespaceObject.metadata.name + ' is ' + variables.state)
      + ' ').split('. ', 2)
- name: why
  expression: variables.sentences[0].trim()
- name: advice
  expression: "size(variables.sentences) > 1 && variables.sentences[1].trim() != '' ? ' ' + variables.sentences[1].trim() : ''"
- name: what
  expression: >-
    request.resource.resource + '/' + (request.?name.orValue('') != '' ? request.name
      : dyn(object).metadata.?name.orValue(dyn(object).metadata.?generateName.orValue('')))
{{- end -}}

{{/*
CEL: whether a container of Pod spec .now requests more of anything than the
container of the same name in Pod spec .before did, or whether the Pod itself does. A
limit without a request counts as the request: that is how GPUs are asked for. So does
a device claim or a volume of its own that the Pod did not have.
*/}}
{{- define "opex.gate.larger" -}}
({{ .now }}.containers + {{ .now }}.?initContainers.orValue([])).exists(c,
  ['requests', 'limits'].exists(f, c.?resources[?f].orValue({}).exists(r,
    !({{ .before }}.containers + {{ .before }}.?initContainers.orValue([])).exists(b,
      b.name == c.name && b.?resources.?requests[?r].or(b.?resources.?limits[?r]).hasValue()
        && quantity(c.?resources.?requests[?r].or(c.?resources.?limits[?r]).value())
          .compareTo(quantity(b.?resources.?requests[?r].or(b.?resources.?limits[?r]).value())) <= 0))))
|| {{ .now }}.?resources.?requests.orValue({}).exists(r,
  !{{ .before }}.?resources.?requests[?r].hasValue()
    || quantity({{ .now }}.resources.requests[r]).isGreaterThan(quantity({{ .before }}.resources.requests[r])))
|| {{ .now }}.?resourceClaims.orValue([]).exists(c,
  !{{ .before }}.?resourceClaims.orValue([]).exists(b, b.name == c.name))
|| {{ .now }}.?volumes.orValue([]).exists(v, has(v.ephemeral)
  && !{{ .before }}.?volumes.orValue([]).exists(b, b.name == v.name && has(b.ephemeral)))
{{- end -}}

{{/*
A binding: .policy enforced with .actions in Namespaces whose gate is one of
.states. The cluster's own Namespaces and the operator's are left out, so that
nothing that heals the cluster is ever gated.
*/}}
{{- define "opex.gate.binding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels:
    {{- include "opex.labels" .root | nindent 4 }}
spec:
  policyName: {{ .policy }}
  validationActions: {{ toJson .actions }}
  matchResources:
    namespaceSelector:
      matchExpressions:
      - key: opex.dev/gate
        operator: In
        values: {{ toJson .states }}
      - key: kubernetes.io/metadata.name
        operator: NotIn
        values: {{ list "kube-system" "kube-public" "kube-node-lease" .root.Release.Namespace | uniq | toJson }}
{{- end -}}

{{/* A guard holds everywhere: its binding selects nothing out. */}}
{{- define "opex.guard.binding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .policy }}
  labels:
    {{- include "opex.labels" .root | nindent 4 }}
spec:
  policyName: {{ .policy }}
  validationActions: [Deny]
{{- end -}}

{{/* CEL: the verb that finance, GitOps and backup accounts hold. Asked last: it costs an authorization. */}}
{{- define "opex.mayOverride" -}}
authorizer.group('billing.opex.dev').resource('clusterbudgets').check('override').allowed()
{{- end -}}
