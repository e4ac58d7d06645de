# Removes from the user's own cluster what the tests and the demo make there. None of it was there
# before: entering makes sure. Above stand: dir, namespaces.
export KUBECONFIG="$dir/kubeconfig" KUBECACHEDIR="$dir/cache"
export HELM_CACHE_HOME="$dir/helm/cache" HELM_CONFIG_HOME="$dir/helm/config" HELM_DATA_HOME="$dir/helm/data"
delete() { kubectl delete --ignore-not-found --timeout=2m "$@"; }

delete namespace -l test.opex.dev/made
delete namespace $namespaces
helm uninstall opex-operator -n opex-system --ignore-not-found --wait
delete namespace opex-system
delete clusterrolebinding,clusterrole -l test.opex.dev/made
# For a moment the API server still goes by the policy that guards them.
for try in 1 2 3 4 5 6 7 8 9 10; do
  kinds=$(kubectl get crd -oname | grep -E '\.billing\.opex\.dev$|/databases\.example\.com$')
  [ -z "$kinds" ] && break
  delete $kinds || sleep 1
done
