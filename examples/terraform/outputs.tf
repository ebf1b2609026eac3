output "layer_arn" {
  description = "Add it to the agent's function"
  value       = aws_lambda_layer_version.extension.arn
}

output "environment" {
  description = "Merge it into the agent's environment"
  value       = local.environment
}

output "agent_policy" {
  description = "Attach it to the agent's role"
  value       = data.aws_iam_policy_document.agent.json
}

output "keep_warm_function_name" {
  description = "Whom to ask for a warm call; PREFIXWARM_ASK of an agent without Python"
  value       = aws_lambda_function.keep_warm.function_name
}

output "ask_policy" {
  description = "Attach it to the role of whoever asks for warm calls"
  value       = data.aws_iam_policy_document.ask.json
}

output "alarm_arns" {
  description = "The alarms"
  value = [
    for alarm in merge(
      aws_cloudwatch_metric_alarm.own,
      aws_cloudwatch_metric_alarm.queue,
    ) : alarm.arn
  ]
}
