variable "name" {
  description = "Name of the deployment, and of its resources"
  type        = string
  default     = "prefixwarm"
}

variable "build" {
  description = "Folder that `prefixwarm layer package` wrote"
  type        = string
}

variable "bucket" {
  description = "Bucket for the manifest and the prefix files"
  type        = string
}

variable "api_key_arn" {
  description = "ARN of the secret, or of the SSM parameter, that holds the Claude API key; none on the AWS routes"
  type        = string
  default     = null
}

variable "model_arns" {
  description = "On the AWS routes, the Bedrock models (or the mantle project) that the functions' own roles may call"
  type        = list(string)
  default     = []

  validation {
    condition     = var.api_key_arn != null || length(var.model_arns) > 0
    error_message = "Give api_key_arn, or model_arns on the AWS routes."
  }
}

variable "functions" {
  description = "Names of the functions that send each prefix, by the prefix's name"
  type        = map(list(string))
  default     = {}
}

variable "metrics" {
  description = "trouble writes CloudWatch metrics only in hours in which something is wrong, full writes all"
  type        = string
  default     = "trouble"

  validation {
    condition     = contains(["trouble", "full"], var.metrics)
    error_message = "Write trouble or full."
  }
}

variable "alarms" {
  description = "Whether there are alarms"
  type        = bool
  default     = true
}

variable "alarm_topic_arn" {
  description = "SNS topic that receives the alarms"
  type        = string
  default     = null
}

variable "workers" {
  description = "Whether a queue and workers take what is beyond one tick; for more than 300 prefixes"
  type        = bool
  default     = false
}

variable "ask_events" {
  description = "Whether events of the source prefixwarm.ask on the account's event bus ask for warm calls"
  type        = bool
  default     = false
}
